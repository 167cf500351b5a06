// <local-times data-moment="2026-11-21T18:00:00+00:00"> around a form: its moment is typed and shown in the browser's own zone, and
// the hidden utc_offset_minutes says so. Without a script it is the site's zone, in which the server filled it in.
class LocalTimes extends HTMLElement {
  connectedCallback() {
    const offset = this.querySelector("[name=utc_offset_minutes]");
    const moment = this.querySelector("input[type=datetime-local]");
    const tell = () => (offset.value = moment.value ? new Date(moment.value).getTimezoneOffset() : "");
    if (this.dataset.moment) moment.value = typed(new Date(this.dataset.moment));
    tell();
    moment.addEventListener("input", tell);
    this.dataset.ready = "";
  }
}

function typed(moment) {
  const shifted = new Date(moment.getTime() - moment.getTimezoneOffset() * 60000);
  return shifted.toISOString().slice(0, 16);
}

customElements.define("local-times", LocalTimes);
