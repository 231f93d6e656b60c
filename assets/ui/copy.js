// Text to take along: commands that mend something, reports, examples.
/** Copy `text` and say so in the words of `said`; where the browser refuses, show it to be copied by hand. */
lockup.copy ??= async (text, said = "Copied") => {
  try { await navigator.clipboard.writeText(text); lockup.toast(said); } catch {
    lockup.dialog({ title: "Copy this", body: lockup.h("pre.code", { tabindex: 0, role: "group", "aria-label": "Text to copy" }, text) });
  }
};
/** A command with a button that copies it. */
lockup.command ??= (text) => lockup.h("div.command", null, lockup.h("code", null, text),
  lockup.button({ label: `Copy the command ${text}`, icon: "copy", kind: "icon small", onclick: () => lockup.copy(text, "The command is copied; run it where Lockup was started") }));
