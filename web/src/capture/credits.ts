/** Pictures the server will take: sent only with credit, and always the newest. */
export class Credits {
  private left = 0;
  private fresh = false;
  private busy = false;

  /** `grab` takes a picture now; it calls `done` when it may be called again. */
  constructor(private readonly grab: () => void) {}

  /** The server takes `more` pictures. */
  add(more: number): void {
    this.left += more;
    this.go();
  }

  /** A new picture can be grabbed; one that was not grabbed yet is forgotten. */
  offer(): void {
    this.fresh = true;
    this.go();
  }

  /** The picture is on its way (or, `sent` false, could not be taken and cost nothing). */
  done(sent: boolean): void {
    this.busy = false;
    if (!sent) this.left++;
    this.go();
  }

  /** Another connection, another count. */
  reset(): void {
    this.left = 0;
    this.fresh = false;
    this.busy = false;
  }

  private go(): void {
    if (this.left <= 0 || !this.fresh || this.busy) return;
    this.left--;
    this.fresh = false;
    this.busy = true;
    this.grab();
  }
}
