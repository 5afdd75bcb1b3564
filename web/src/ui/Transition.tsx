import { setting } from '../state/settings';
import { controlAt, Field } from './Field';

/** longer ones are for the list of all settings */
const LONGEST = 30;

/** How one look gives way to the next: by what, for how long. When it begins is the deck's affair. */
export function Transition() {
  const how = controlAt('prompt.transition');
  const long = controlAt('prompt.transition_seconds');
  const unit = controlAt('prompt.transition_unit');
  const step = setting('prompt.transition_unit').value === 'beats' ? 1 : 0.1;
  return (
    <>
      {how && <Field control={how} />}
      {long && <Field control={{ ...long, max: LONGEST, step }} />}
      {unit && <Field control={unit} />}
    </>
  );
}
