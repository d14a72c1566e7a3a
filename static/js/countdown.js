/** How long an impersonation still holds. Counts from what the server said, so the reader's clock does not matter. */
const left = document.querySelector(".acting-left");
const word = document.querySelector(".acting-word");
const end = performance.now() + Number(left.dataset.left) * 1000;
const SOON_S = 60;
const hadLong = Number(left.dataset.left) > SOON_S;

function tick() {
  const seconds = Math.max(0, Math.ceil((end - performance.now()) / 1000));
  left.textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
  // Said once each, not every second: a reader of the screen is not interrupted more than that.
  if (seconds === 0) {
    word.textContent = word.dataset.over;
    clearInterval(timer);
  } else if (seconds <= SOON_S && hadLong && !word.textContent) {
    word.textContent = word.dataset.soon;
  }
}

const timer = setInterval(tick, 1000);
tick();
