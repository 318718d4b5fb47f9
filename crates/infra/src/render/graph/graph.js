const graph = document.querySelector(".graph");
const nodes = [...graph.querySelectorAll(".node")];
const edges = [...graph.querySelectorAll(".edge")];
const search = document.querySelector("input");
const output = document.querySelector("output");
let pinned = null;

function show(chosen) {
  graph.classList.toggle("choosing", chosen.length > 0);
  const near = new Set(chosen);
  for (const edge of edges) {
    const ends = [nodes[edge.dataset.needed], nodes[edge.dataset.needs]];
    const touches = ends.some((end) => chosen.includes(end));
    edge.classList.toggle("near", touches);
    if (touches) ends.forEach((end) => near.add(end));
  }
  for (const node of nodes) {
    node.classList.toggle("near", near.has(node));
    node.classList.toggle("chosen", chosen.includes(node));
  }
  if (chosen.length === 1) {
    const id = chosen[0].dataset.node;
    const needs = edges.filter((edge) => edge.dataset.needs === id).length;
    const neededBy = edges.filter((edge) => edge.dataset.needed === id).length;
    const name = chosen[0].querySelector("title").textContent;
    output.textContent = `${name}: needs ${needs}, needed by ${neededBy}`;
  } else {
    output.textContent = chosen.length ? `${chosen.length} found` : "";
  }
}

function found() {
  const word = search.value.trim().toLowerCase();
  if (!word) return [];
  return nodes.filter((node) => node.querySelector("title").textContent.toLowerCase().includes(word));
}

const rest = () => show(pinned ? [pinned] : found());
for (const node of nodes) {
  node.addEventListener("pointerenter", () => show([node]));
  node.addEventListener("pointerleave", rest);
  node.addEventListener("click", (event) => {
    pinned = pinned === node ? null : node;
    event.stopPropagation();
    rest();
  });
}
graph.addEventListener("click", () => { pinned = null; rest(); });
search.addEventListener("input", () => {
  pinned = null;
  rest();
  found()[0]?.scrollIntoView({ block: "center", inline: "center" });
});
// A large drawing begins where the graph does: with what everything else comes after.
const place = (node) => node.getBoundingClientRect();
const first = nodes.reduce((a, b) => (!a || place(b).left < place(a).left ? b : a), null);
const view = document.querySelector("main");
if (first) view.scrollTo(0, place(first).top - view.getBoundingClientRect().top - view.clientHeight / 2);
