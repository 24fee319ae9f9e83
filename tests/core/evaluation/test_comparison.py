import math

from sciformer.evaluation.comparison import best_baseline, metric_key


def test_a_baseline_stands_behind_the_key_of_the_model():
    assert metric_key("id/mse/step1", "model") == "id/mse/step1"
    assert metric_key("id/mse/step1", "linear") == "id/mse/step1/baseline_linear"


def test_the_best_baseline_is_that_with_the_smallest_error_whatever_the_model_has():
    assert best_baseline({"model": 0.1, "mean": 0.5, "linear": 0.2}) == ("linear", 0.2)
    name, error = best_baseline({"model": 0.1})
    assert name == "no baseline"
    assert math.isnan(error)
