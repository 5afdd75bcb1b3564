import { backoff } from './backoff';
import { type Frame, pack, unpack } from './frame';
import { type FromServer, parse, type ToServer } from './messages';

export type LinkState = 'connecting' | 'open' | 'lost' | 'ended';

export interface LinkEvents {
  state: (state: LinkState, retryInMs: number) => void;
  message: (message: FromServer) => void;
  picture: (frame: Frame) => void;
}

/** said goodbye for good: coming back by itself would only be refused, or throw somebody out */
const FINAL = new Set(['replaced', 'protocol', 'version', 'forbidden', 'origin', 'host']);
/** there is no such session any more: a new one begins */
const GONE = new Set(['ended', 'unknown']);

/** One websocket that comes back by itself and takes its session over again. */
export class Link {
  private socket: WebSocket | null = null;
  private attempt = 0;
  private timer = 0;
  private final = false;
  private greeted = false;

  /** `session` is one to take over, or empty. */
  constructor(
    private readonly query: Readonly<Record<string, string>>,
    private readonly on: LinkEvents,
    private session = '',
  ) {}

  open(): void {
    clearTimeout(this.timer);
    this.final = false;
    this.on.state('connecting', 0);
    const socket = new WebSocket(this.address());
    socket.binaryType = 'arraybuffer';
    socket.onmessage = (event) => this.receive(event.data);
    this.greeted = false;
    socket.onclose = () => void this.lost(socket);
    this.socket = socket;
  }

  send(message: ToServer): boolean {
    if (this.socket?.readyState !== WebSocket.OPEN) return false;
    this.socket.send(JSON.stringify(message));
    return true;
  }

  sendFrame(frame: Frame): boolean {
    if (this.socket?.readyState !== WebSocket.OPEN) return false;
    this.socket.send(pack(frame));
    return true;
  }

  /** bytes that wait to leave: sound must not pile up behind a slow line */
  get waiting(): number {
    return this.socket?.bufferedAmount ?? 0;
  }

  private address(): string {
    const address = new URL('ws', location.href);
    address.protocol = location.protocol === 'https:' ? 'wss:' : 'ws:';
    address.search = '';
    address.hash = '';
    for (const [name, value] of Object.entries(this.query)) address.searchParams.set(name, value);
    if (this.session !== '') address.searchParams.set('resume', this.session);
    return address.href;
  }

  private receive(data: unknown): void {
    if (data instanceof ArrayBuffer) {
      const frame = unpack(data);
      if (frame !== null) this.on.picture(frame);
      return;
    }
    const message = typeof data === 'string' ? parse(data) : null;
    if (message === null) return;
    if (message.type === 'hello') {
      this.attempt = 0;
      this.greeted = true;
      if (message.role === 'perform') this.session = message.session;
      this.on.state('open', 0);
    }
    if (message.type === 'bye') {
      this.final = FINAL.has(message.code);
      if (GONE.has(message.code)) this.session = '';
    }
    this.on.message(message);
  }

  /** Browsers hide why a socket was refused; the same door, asked another way, says it. */
  private async knock(): Promise<void> {
    try {
      const answer = await fetch('api/knock', { method: 'POST' });
      if (answer.status === 401 || answer.status === 403) {
        const { code, message } = (await answer.json()) as { code: string; message: string };
        this.receive(JSON.stringify({ type: 'bye', code, message }));
      }
    } catch {
      // the server is away: the page tries again
    }
  }

  private async lost(socket: WebSocket): Promise<void> {
    if (socket !== this.socket) return;
    if (!this.greeted && !this.final) await this.knock();
    // somebody may have opened another one meanwhile
    if (socket !== this.socket) return;
    this.socket = null;
    if (this.final) {
      this.on.state('ended', 0);
      return;
    }
    const wait = backoff(this.attempt++, Math.random());
    this.on.state('lost', wait);
    this.timer = window.setTimeout(() => this.open(), wait);
  }
}
