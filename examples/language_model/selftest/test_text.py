"""From documents to tokens: what is dropped, what is set aside, and that tokens turn back into the text."""

from __future__ import annotations

import unittest

from lm.clean import names_for_validation, normal_text, paragraphs, without_doubles
from lm.gather import Document, choose, comments, docstrings
from lm.tokens import Tokenizer, learn_merges

PROSE = "Return the name of the file that was opened, or an empty string when there is none."
OTHER = "Raise an error when the folder cannot be read, and name the folder in the message."


class GatherTest(unittest.TestCase):
    def test_docstrings_of_modules_classes_and_functions(self) -> None:
        code = '"""one"""\nclass A:\n    """two"""\n    def f(self):\n        """three"""\n        return "four"\n'
        self.assertEqual(docstrings(code), ["one", "two", "three"])
        self.assertEqual(docstrings("def broken("), [])

    def test_comments_are_taken_in_runs(self) -> None:
        code = "# one\n# two\nx = 1  # beside\n    #: three\n# ----\n"
        self.assertEqual(comments(code), ["one\ntwo", "three\n"])

    def test_choice_does_not_depend_on_the_order_and_keeps_the_limit(self) -> None:
        documents = [Document("licences", f"name {number}", "x" * 100) for number in range(20)]
        chosen = list(choose(documents, 450))
        self.assertEqual(len(chosen), 5)
        self.assertEqual(chosen, list(choose(reversed(documents), 450)))


class CleanTest(unittest.TestCase):
    def test_characters_are_made_plain(self) -> None:
        self.assertEqual(normal_text("\u201cna\u00efve\u201d \u2013 it\u2019s\r\n\x07"), '"naive" - it\'s\n')

    def test_tables_and_sessions_are_dropped(self) -> None:
        rejected = ["+---+---+\n| 1 | 2 |\n+---+---+", ">>> a long statement in a session of the interpreter", "Short."]
        text = "\n\n".join([PROSE, *rejected, OTHER])
        self.assertEqual(list(paragraphs(text)), [PROSE, OTHER])

    def test_doubles_are_dropped_across_documents(self) -> None:
        documents = [{"name": "a", "text": PROSE}, {"name": "b", "text": f"{PROSE.upper()}\n\n{OTHER}"}]
        self.assertEqual(without_doubles(documents), ({"a": PROSE, "b": OTHER}, 1))

    def test_validation_takes_whole_documents_and_no_more_than_its_share(self) -> None:
        texts = {f"name {number}": PROSE for number in range(100)}
        self.assertEqual(len(names_for_validation(texts)), 6)


class TokensTest(unittest.TestCase):
    def test_tokens_turn_back_into_the_text(self) -> None:
        text = f"{PROSE}\n{OTHER}\n\n"
        tokenizer = Tokenizer(learn_merges(text * 3, 300))
        for sample in (text, "unseen: \u00e4\u20ac\U0001f600 \t 42\n", ""):
            self.assertEqual(tokenizer.decode(tokenizer.encode(sample)), sample)
        self.assertLess(len(tokenizer.encode(text)), len(text) * 0.7)

    def test_the_most_frequent_pair_comes_first(self) -> None:
        self.assertEqual(learn_merges("abab abab abab", 258)[0], (ord("a"), ord("b")))

    def test_a_text_without_repetition_ends_the_learning(self) -> None:
        self.assertEqual(learn_merges("abc", 300), [])


if __name__ == "__main__":
    unittest.main()
