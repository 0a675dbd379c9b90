"""Answers to the exercises of page 4."""

# An answer and what is said of it stay on one line.
# ruff: noqa: E501

from exercise_answers.table import Answers

ANSWERS = {
    "4.1": Answers(
        right=(
            "1.963",
            "2.776 * np.sqrt(10 / 4 / 5)",
            "torch.tensor(1.9634)",
            "[[1.963]]",
            "Decimal('1.963')",
            "'1.963'",
            "'1.963 %'",
        ),
        wrong={
            "3.926": "the width of the whole interval",
            "2.776 * np.sqrt(10 / 4)": "the root of the number of starts is forgotten",
            "1.386": "the 1.96 of the normal distribution",
            "1.756": "divided by the number of starts",
            "0.707": "the standard error",
            "1.581": "the standard deviation",
            "1.96": "1.96 is nearly right: compute with more decimals",
            "(85.037, 88.963)": "the answer has 2 numbers, and the exercise asks for one number",
            "2": "2 is nearly right",
            "5": "5 is too large",
        },
    ),
    "4.2": Answers(
        right=(
            "4524",
            "0.87 * 0.13 / 0.005**2",
            "4523.999",
            "4523.9999999",
            "torch.tensor([4524.0])",
            "'4,524'",
            "Fraction(87 * 13, 10000) / Fraction(1, 200) ** 2",
        ),
        wrong={
            "1131": "for an error of one percentage point",
            "2262": "twice as many as for a whole percentage point",
            "22.62": "the root is forgotten",
            "18096": "two standard errors",
            "34_800": "the fraction of wrong images is forgotten",
            "0.4524": "half a percentage point is taken for a half",
            "4523": "4,523 is too small",
            "4524.5": "4524.5 is not a whole number",
            "10_000": "10,000 is too large",
        },
    ),
    "4.3": Answers(
        right=(
            "lambda a, b: (a - b).mean() / ((a - b).std() / len(a) ** 0.5)",
            "lambda a, b: ((a - b).mean() / ((a - b).std() / len(a) ** 0.5)).reshape(1)",
            "lambda a, b: scipy.stats.ttest_rel(a, b).statistic",
            "lambda a, b: (a - b).mean() * len(a) ** 0.5 / (a - b).std(correction=1)",
            "lambda a, b: float((a - b).mean() / (a - b).var().div(len(a)).sqrt())",
            "lambda a, b: np.mean(d := (a - b).numpy()) / scipy.stats.sem(d)",
        ),
        wrong={
            "lambda a, b: (a.mean() - b.mean()) / ((a.var() + b.var()) / len(a)).sqrt()": "the seeds are not paired",
            "lambda a, b: scipy.stats.ttest_ind(a, b).statistic": "the seeds are not paired",
            "lambda a, b: (b - a).mean() / ((a - b).std() / len(a) ** 0.5)": "the sign is wrong",
            "lambda a, b: (a - b).mean() / (a - b).std()": "the root of the number of seeds",
            "lambda a, b: (a - b).mean() / ((a - b).std(correction=0) / len(a) ** 0.5)": "divides by n, not by n - 1",
            "lambda a, b: (a - b).mean()": "the mean of the differences alone",
            "lambda a, b: ((a - b).mean() / ((a - b).std() / len(a) ** 0.5)).abs()": "the sign is lost",
            "lambda a, b: (a - b).mean() / ((a - b).std() / 3 ** 0.5)": "the result for [1.0, 5.0,",
            "lambda a, b: (a - b).mean() / ((a - b).std() / len(a))": "the root is not taken",
            "lambda a, b: scipy.stats.ttest_rel(a, b)": "has 2 numbers",
            "lambda a, b: scipy.stats.ttest_rel(a, b).pvalue": "which is too small",
        },
    ),
}
