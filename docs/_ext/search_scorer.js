// Sphinx puts this into its search: results with a higher score are listed first. With Sphinx's own
// scores, the attribute WindowStep.stride stands above the page that explains strides.
var Scorer = {
  // As in Sphinx's searchtools.js.
  objNameMatch: 11,
  objPartialMatch: 6,
  objPrio: { 0: 15, 1: 5, 2: -5 },
  objPrioDefault: 0,
  title: 15,
  partialTitle: 7,
  term: 5,
  partialTerm: 2,

  // A page with an ".. index::" entry for what is searched has 100 by then, as has the glossary.
  score: ([docname, title, , , score, , kind]) => {
    if (docname.startsWith("gallery/")) return score + 10;
    if (docname === "glossary") return score + 5;
    // What belongs to a class, such as cnnbook.receptive_field.WindowStep.stride, comes last.
    return kind === "object" && /\.[A-Z]\w*\./.test(title) ? score - 30 : score;
  },
};
