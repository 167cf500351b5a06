// Runs `work` at once, then at most once per interval; the last call of an interval is never lost. Pure but for the timer.
export function throttle(work, intervalMs) {
  let timer = null;
  let again = false;
  const run = () => {
    again = false;
    timer = setTimeout(() => {
      timer = null;
      if (again) run();
    }, intervalMs);
    work();
  };
  return () => {
    if (timer === null) run();
    else again = true;
  };
}
