/** How loud an audio track is, from its samples. */
export class LevelMeter {
  /** @type {AudioContext|null} */
  #context = null;
  /** @type {AnalyserNode|null} */
  #analyser = null;
  /** @type {Float32Array<ArrayBuffer>} */
  #samples = new Float32Array(1024);

  /** @param {MediaStreamTrack} track its own copy is not stopped when the meter closes */
  constructor(track) {
    if (typeof AudioContext === 'undefined') return;
    this.#context = new AudioContext();
    this.#analyser = this.#context.createAnalyser();
    this.#analyser.fftSize = this.#samples.length;
    this.#context.createMediaStreamSource(new MediaStream([track])).connect(this.#analyser);
    void this.resume();
  }

  /** @returns {boolean} whether the browser waits for a click before it measures */
  get suspended() {
    return this.#context?.state === 'suspended';
  }

  /** Call it from a click if `suspended`. */
  async resume() {
    if (this.#context?.state === 'suspended') await this.#context.resume().catch(() => {});
  }

  /** @returns {number} RMS of the last moment, 0 to 1 */
  get level() {
    if (!this.#analyser) return 0;
    this.#analyser.getFloatTimeDomainData(this.#samples);
    let sum = 0;
    for (const sample of this.#samples) sum += sample * sample;
    return Math.sqrt(sum / this.#samples.length);
  }

  /** @returns {number} the same as people hear it: 0 silent (-60 dB) to 1 full */
  get loudness() {
    const level = this.level;
    return level <= 0.001 ? 0 : Math.min(1, 1 + Math.log10(level) / 3);
  }

  close() {
    const context = this.#context;
    this.#context = this.#analyser = null;
    if (context && context.state !== 'closed') void context.close().catch(() => {});
  }
}
