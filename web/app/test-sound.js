/** Two soft tones through the chosen speaker. @param {string} deviceId */
export async function playTestSound(deviceId) {
  const context = new AudioContext();
  const destination = context.createMediaStreamDestination();
  [523.25, 783.99].forEach((frequency, index) => {
    const at = context.currentTime + 0.05 + index * 0.22;
    const gain = new GainNode(context, { gain: 0 });
    gain.gain.setValueAtTime(0, at);
    gain.gain.linearRampToValueAtTime(0.25, at + 0.02);
    gain.gain.exponentialRampToValueAtTime(0.001, at + 0.7);
    const tone = new OscillatorNode(context, { frequency, type: 'sine' });
    tone.connect(gain).connect(destination);
    tone.start(at);
    tone.stop(at + 0.75);
  });
  const element = new Audio();
  element.srcObject = destination.stream;
  try {
    if (deviceId && deviceId !== 'default' && 'setSinkId' in element) await element.setSinkId(deviceId);
    await element.play();
    await new Promise((resolve) => setTimeout(resolve, 1_200));
  } finally {
    element.srcObject = null;
    await context.close();
  }
}
