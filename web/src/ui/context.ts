import { createContext } from 'preact';
import { useContext } from 'preact/hooks';
import type { Show } from '../show/show';

export const ShowContext = createContext<Show | null>(null);

export function useShow(): Show {
  const show = useContext(ShowContext);
  if (show === null) throw new Error('the show is missing around this part of the page');
  return show;
}
