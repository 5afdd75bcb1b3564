import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import * as store from '../state/store';
import { AllSettings } from './AllSettings';
import { BeatPanel } from './BeatPanel';
import { Controllers } from './Controllers';
import { Devices } from './Devices';
import { Drive } from './Drive';
import { Feel } from './Feel';
import { Found } from './Found';
import { Icon } from './icons';
import { Looks } from './Looks';
import { Machine } from './Machine';
import { Prompts } from './Prompts';
import { Score } from './Score';

/** All controls: a drawer at the side, or a sheet from below on a phone. */
export function Drawer() {
  const [query, setQuery] = useState('');
  const words = query
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== '');
  return (
    <aside class="drawer panel" aria-label="Controls" hidden={!store.drawerOpen.value}>
      <div class="drawer-head">
        <input
          id="search"
          type="search"
          placeholder="Search everything"
          aria-label="Search all settings and actions"
          value={query}
          onKeyDown={(event) => {
            // Escape empties it first, and then gives the keys back
            if (event.key !== 'Escape' || query === '') return;
            event.preventDefault();
            setQuery('');
          }}
          onInput={(event) => setQuery(event.currentTarget.value)}
        />
        <button
          type="button"
          class="drawer-close"
          aria-label="Close the controls"
          onClick={() => {
            store.drawerOpen.value = false;
          }}
        >
          <Icon name="close" />
        </button>
      </div>
      <div class="drawer-scroll">
        {words.length === 0 ? <Parts /> : <Found words={words} />}
        <AllSettings words={words} />
      </div>
    </aside>
  );
}

function Parts() {
  return (
    <>
      <Part title="Prompt">
        <Prompts />
      </Part>
      <Part title="Looks">
        <Looks />
      </Part>
      <Part title="Feel">
        <Feel />
      </Part>
      <Part title="What moves what">
        <Drive />
      </Part>
      <Part title="Beat">
        <BeatPanel />
      </Part>
      <Part title="Score">
        <Score />
      </Part>
      <Part title="Camera and microphone">
        <Devices />
      </Part>
      <Part title="Controllers">
        <Controllers />
      </Part>
      <Part title="This show">
        <Machine />
      </Part>
    </>
  );
}

function Part({ title, children }: { title: string; children: ComponentChildren }) {
  return (
    <section class="part">
      <h2>{title}</h2>
      {children}
    </section>
  );
}
