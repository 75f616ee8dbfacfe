// What GitHub's own parser says of workflows and actions.
// In: {file name: text}, with our action.yml. Out: {file name: [complaint, ...]}.
import { readFileSync } from "node:fs";
import { register } from "node:module";

// The parser imports JSON as bundlers do; Node.js wants to be told what it is.
const hook = `
  import { readFile } from "node:fs/promises";
  export const load = async (url, context, next) => url.endsWith(".json")
    ? { format: "json", shortCircuit: true, source: await readFile(new URL(url)) }
    : next(url, context);`;
register(`data:text/javascript,${encodeURIComponent(hook)}`);

const { registerLogger, validate } = await import("@actions/languageservice");
const { TextDocument } = await import("vscode-languageserver-textdocument");
const { parse } = await import("yaml");

// It logs what it stumbles over, and goes on as if all were well.
const stop = (message) => { throw new Error(message); };
registerLogger({ error: stop, warn: stop, info() {}, log() {} });

const texts = JSON.parse(readFileSync(0, "utf8"));
const ours = parse(texts["action.yml"]);
const actionsMetadataProvider = {
  // of other people's actions it knows no inputs, so it takes any
  fetchActionMetadata: async ({ owner }) => (owner === "OWNER" ? ours : {}),
};

const found = {};
for (const [name, text] of Object.entries(texts)) {
  const document = TextDocument.create(`file:///${name}`, "yaml", 1, text);
  const complaints = await validate(document, { actionsMetadataProvider });
  found[name] = complaints.map(({ message, range }) => `${range.start.line + 1}: ${message}`);
}
console.log(JSON.stringify(found));
