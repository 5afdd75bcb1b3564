import * as store from '../state/store';
import { useShow } from './context';

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
      <Switch
        label="Mirror the camera"
        on={store.mirrored.value}
        set={(on) => {
          store.mirrored.value = on;
        }}
      />
      <Device
        label="Microphone"
        list={store.microphones.value}
        value={store.microphone.value}
        pick={(id) => {
          store.microphone.value = id;
          if (store.hearing.peek() === 'mic') void show.sources.hear('mic');
        }}
      />
      <Switch
        label="Paint over the shared tab, too"
        on={store.seeing.value === 'tab'}
        set={(on) => void show.sources.see(on ? 'tab' : 'nothing')}
      />
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

interface SwitchProps {
  label: string;
  on: boolean;
  set: (on: boolean) => void;
}

/** A switch of the page itself. */
export function Switch({ label, on, set }: SwitchProps) {
  const id = `switch-${label}`;
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
        checked={on}
        onChange={(event) => set(event.currentTarget.checked)}
      />
    </div>
  );
}
