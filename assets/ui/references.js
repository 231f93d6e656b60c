// The References tab.
const { h, fill, mount, state, on, set } = lockup;
const call = lockup.caller(server);
const root = mount("references", element, { show });

function show() {
  fill(root, h("div.empty", null, h("h2", null, "References"), h("p", null, state.draft.title)));
}
