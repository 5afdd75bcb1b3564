import { useId } from 'preact/hooks';
import * as store from '../state/store';
import { useShow } from './context';
import { MIRROR, type PageSwitch } from './switches';

/** Which camera, which microphone. */
export function Devices() {
  const show = useShow();
  return (
    <>
      <Device
        label="Camera"
        list={store.cameras.value}
        value={store.camera.value}
        pick={(id) => {
          store.camera.value = id;
          if (store.seeing.peek() === 'camera') void show.sources.see('camera');
        }}
      />
      <Switch {...MIRROR} />
      <Device
        label="Microphone"
        list={store.microphones.value}
        value={store.microphone.value}
        pick={(id) => {
          store.microphone.value = id;
          if (store.hearing.peek() === 'mic') void show.sources.hear('mic');
        }}
      />
      <div class="field field-row">
        <div class="field-head">
          <label for="paint-tab">Paint over the shared tab, too</label>
        </div>
        <input
          type="checkbox"
          role="switch"
          class="switch"
          id="paint-tab"
          checked={store.seeing.value === 'tab'}
          onChange={({ currentTarget: { checked } }) =>
            void show.sources.see(checked ? 'tab' : 'nothing')
          }
        />
      </div>
    </>
  );
}

interface DeviceProps {
  label: string;
  list: MediaDeviceInfo[];
  value: string;
  pick: (id: string) => void;
}

function Device({ label, list, value, pick }: DeviceProps) {
  const id = `device-${label}`;
  return (
    <div class="field field-row">
      <div class="field-head">
        <label for={id}>{label}</label>
      </div>
      <select id={id} value={value} onChange={(event) => pick(event.currentTarget.value)}>
        <option value="">{list.length > 0 ? "The system's choice" : 'Listed once it is on'}</option>
        {list.map((device) => (
          <option key={device.deviceId} value={device.deviceId}>
            {device.label}
          </option>
        ))}
      </select>
    </div>
  );
}

/** A switch of the page itself. */
export function Switch({ label, on }: Pick<PageSwitch, 'label' | 'on'>) {
  const id = useId();
  return (
    <div class="field field-row">
      <div class="field-head">
        <label for={id}>{label}</label>
      </div>
      <input
        type="checkbox"
        role="switch"
        class="switch"
        id={id}
        checked={on.value}
        onChange={(event) => {
          on.value = event.currentTarget.checked;
        }}
      />
    </div>
  );
}
