// Which attempts of a task a page knows of, their numbers latest first as text, and which of them it shows. Fetches nothing.

// The latest, or null before there is one.
export function latest(attempts) {
  return attempts.at(0) ?? null;
}

// After news: {attempts, shown}. Who shows the latest goes on to a later one. A piece of the page may have been made before
// the message that overtook it: what knows less than is known here is old, and changes nothing.
export function afterNews({ attempts, shown }, told) {
  if (Number(latest(told)) < Number(latest(attempts))) return { attempts, shown };
  return { attempts: told, shown: shown === latest(attempts) ? latest(told) : shown };
}
