import { createContext } from 'preact';
import { useContext } from 'preact/hooks';
import type { Show } from '../show/show';
import type { Action } from './actions';

export const ShowContext = createContext<Show | null>(null);
export const ActionsContext = createContext<readonly Action[]>([]);

export function useShow(): Show {
  const show = useContext(ShowContext);
  if (show === null) throw new Error('the show is missing around this part of the page');
  return show;
}

export function useActions(): readonly Action[] {
  return useContext(ActionsContext);
}
