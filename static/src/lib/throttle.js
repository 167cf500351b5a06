// Runs `work` at once, then at most once per interval and never twice at a time, so that an older answer cannot overwrite a
// newer one. A call that comes meanwhile is not lost: it runs after.
export function throttle(work, intervalMs) {
  let isBusy = false;
  let again = false;
  const run = async () => {
    isBusy = true;
    again = false;
    const interval = new Promise((resolve) => setTimeout(resolve, intervalMs));
    try {
      await work();
    } finally {
      await interval;
      isBusy = false;
      if (again) run();
    }
  };
  return () => {
    if (isBusy) again = true;
    else run();
  };
}
