import { useSignalEffect } from '@preact/signals';
import type { Show } from '../show/show';
import { drawerOpen, idle, learning, setOpen } from '../state/store';
import type { Action } from './actions';
import { Banners } from './Banner';
import { ActionsContext, ShowContext } from './context';
import { Dock } from './Dock';
import { Drawer } from './Drawer';
import { DropZone } from './files';
import { Help } from './Help';
import { Iris } from './Iris';
import { startMidi } from './midi';
import { Preview } from './Preview';
import { SetPanel } from './SetPanel';
import { Top } from './Top';

let midiStarted = false;

/** Everything over the picture. */
export function App({ show, list }: { show: Show; list: readonly Action[] }) {
  useSignalEffect(() => {
    if (!learning.value || midiStarted) return;
    midiStarted = true;
    void startMidi(show, list).then((fine) => {
      midiStarted = fine;
    });
  });
  const state = `${idle.value ? 'idle' : ''} ${drawerOpen.value ? 'with-drawer' : ''} ${setOpen.value ? 'with-set' : ''}`;
  return (
    <ShowContext.Provider value={show}>
      <ActionsContext.Provider value={list}>
        <main class={`chrome ${state}`}>
          <Top />
          <div class="bottom">
            <SetPanel />
            <div class="bottom-row">
              <Iris />
              <Dock />
            </div>
          </div>
          <Drawer />
          <Banners />
        </main>
        <Help list={list} />
        <DropZone />
        <Preview />
      </ActionsContext.Provider>
    </ShowContext.Provider>
  );
}
