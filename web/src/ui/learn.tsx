import { nameOf, unbind } from '../controls/midi';
import { bindings, learning, learningFor, pickups } from '../state/store';

/** What a control needs to be learnable: in learn mode, a click picks it instead of using it. */
export function learnable(target: string) {
  if (!learning.value) return {};
  return {
    'data-learn': learningFor.value === target ? 'waiting' : 'ready',
    onPointerDownCapture: (event: Event) => event.stopPropagation(),
    onClickCapture: (event: Event) => {
      event.preventDefault();
      event.stopPropagation();
      learningFor.value = learningFor.peek() === target ? '' : target;
    },
  };
}

/** The knob that moves a control, as a small tag; in learn mode a click forgets it. */
export function KnobTag({ target }: { target: string }) {
  const source = Object.entries(bindings.value).find(([, other]) => other.target === target)?.[0];
  if (source === undefined) return null;
  if (!learning.value) {
    const way = pickups.value[source];
    const arrow = way === undefined ? '' : way === 'up' ? ' ↑' : ' ↓';
    return (
      <span
        class="knob"
        aria-hidden="true"
        title={way === undefined ? undefined : `Turn it ${way} until it reaches the value`}
      >
        {nameOf(source)}
        {arrow}
      </span>
    );
  }
  return (
    <button
      type="button"
      class="knob"
      aria-label={`Forget ${nameOf(source)}`}
      onClickCapture={(event) => {
        event.stopPropagation();
        bindings.value = unbind(bindings.peek(), target);
      }}
    >
      {nameOf(source)} ×
    </button>
  );
}
