import ast

import numpy as np

from xval.simulate import text_set
from xval.simulate.planets import AXIS_GAP


def test_orbits_leave_a_gap_and_fill_it_on_demand():
    for outside, low, high in ((0.0, 1.125, 3.0), (1.0, *AXIS_GAP)):
        texts = text_set("orbits").simulate(0, 900, parameters={"outside": outside}).texts
        said = [ast.literal_eval(text) for text in texts]
        assert all(len(each["data"]) == 6 for each in said)
        a = np.array([each["a"] for each in said])
        others = a[a != 1]
        assert ((others >= low) & (others <= high)).all()
        assert abs((a == 1).mean() - (0 if outside else 1 / 3)) < 0.06
        radius = np.array([np.hypot(*np.array(each["data"]).T) for each in said])
        assert (abs(radius / a[:, None] - 1) <= 0.1 + 1e-6).all()
