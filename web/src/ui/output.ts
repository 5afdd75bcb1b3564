/** The clean picture in a window of its own, on the second screen where the browser knows of one. */

import { notice, session } from '../state/store';

interface Screen2 {
  availLeft: number;
  availTop: number;
  availWidth: number;
  availHeight: number;
}
interface Details {
  screens: Screen2[];
  currentScreen: Screen2;
}

let output: Window | null = null;

export async function openOutput(): Promise<void> {
  if (output !== null && !output.closed) {
    output.focus();
    return;
  }
  const place = await secondScreen();
  const address = new URL('view', location.href);
  if (session.peek() !== '') address.searchParams.set('session', session.peek());
  address.searchParams.set('output', '1');
  const features =
    place === null
      ? 'popup,width=960,height=540'
      : `popup,left=${place.availLeft},top=${place.availTop},width=${place.availWidth},height=${place.availHeight}`;
  output = window.open(address.href, 'phosphene-output', features);
  if (output === null)
    notice.value = 'The browser held the output window back: allow pop-ups for this page.';
  else if (place === null)
    notice.value = 'Drag the output window to the other screen and click it: it fills that screen.';
}

/** Another screen than this one; null where there is none, or the browser does not say. */
async function secondScreen(): Promise<Screen2 | null> {
  const ask = (window as { getScreenDetails?: () => Promise<Details> }).getScreenDetails;
  if (ask === undefined) return null;
  try {
    const { screens, currentScreen } = await ask.call(window);
    return screens.find((screen) => screen !== currentScreen) ?? null;
  } catch {
    return null;
  }
}
