"""Search in Korean: words without their particles, and the parts of compound words.

Sphinx has no stemmer for Korean, and looks for parts of words of three letters or more only. So
커널 would not be found in 커널이, nor 합성 in 합성곱. Here a Korean word is put into the index
without its particle, and with each of its beginnings of two syllables or more; English words are
stemmed as in the English edition. The browser takes the particle off what is searched, too.
"""

import re

from sphinx.application import Sphinx
from sphinx.search.en import SearchEnglish

_PARTICLES = (
    *("에서는", "에서도", "으로는", "이라는", "이라고", "입니다", "습니다", "에서"),
    *("으로", "에는", "에게", "까지", "부터", "처럼", "보다", "이나"),
    *("이라", "라고", "이란", "마다", "하고", "조차", "은", "는"),
    *("이", "가", "을", "를", "의", "에", "로", "와"),
    *("과", "도", "만", "란"),
)
_END = rf"(?:{'|'.join(_PARTICLES)})$"
_WORD = re.compile(rf"^([가-힣]{{2,}}?){_END}")
_RUN = re.compile(r"[가-힣]+|[^\W가-힣]+")


class SearchKorean(SearchEnglish):
    """Splits and stems Korean words, and English ones as English."""

    lang = "ko"
    # Sphinx makes the name of the stemmer in the browser from it; the code below extends that one.
    language_name = "English"
    js_splitter_code = """
(() => {
  const English = window.Stemmer, korean = /^[가-힣]/u;
  window.Stemmer = class {
    constructor() { this.english = new English(); }
    stemWord(word) {
      return korean.test(word) ? word.replace(/PATTERN/u, "$1") : this.english.stemWord(word);
    }
  };
})();
function splitQuery(query) {
  return query.match(/[가-힣]+|(?:(?![가-힣])[\\p{Letter}\\p{Number}_])+/gu) ?? [];
}
""".replace("PATTERN", _WORD.pattern)

    def split(self, text: str) -> list[str]:
        """Split into words, and add the beginnings of Korean ones."""
        words = []
        for word in _RUN.findall(text):
            words.append(word)
            if "가" <= word[0] <= "힣":
                stem = self.stem(word)
                words += [stem[:length] for length in range(2, len(stem))]
        return words

    def stem(self, word: str) -> str:
        """Take the particle off a Korean word; stem an English one."""
        if "가" <= word[:1] <= "힣":
            return _WORD.sub(r"\1", word)
        return super().stem(word)

    def word_filter(self, word: str) -> bool:
        """Keep Korean words of two syllables or more, and what English keeps."""
        if "가" <= word[:1] <= "힣":
            return len(word) > 1
        return super().word_filter(word)


def setup(app: Sphinx) -> dict[str, object]:
    """Register the language."""
    app.add_search_language(SearchKorean)
    return {"parallel_read_safe": True, "parallel_write_safe": True, "version": "1"}
