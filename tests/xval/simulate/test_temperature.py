import ast

import numpy as np

from xval.simulate import text_set
from xval.simulate.random import uniforms
from xval.simulate.temperature import PLAIN, climate, places, weather


def weathers(samples=2000, stations=4, times=3, hours=24.0):
    rng = np.random.default_rng(0)
    uniform = uniforms(0, "test", np.arange(samples), PLAIN + 3 * stations)
    latitude, longitude, _ = places(uniform, stations, 10.0)
    normal = rng.standard_normal((samples, times, stations))
    return latitude, longitude, weather(latitude, longitude, normal, hours)


def test_weather_remembers_as_long_as_it_should():
    latitude, _, found = weathers()
    unit = found / (2 + 3 * abs(np.sin(latitude)))[:, None]
    assert abs(unit.std() - 1) < 0.03
    memory = (unit[:, 1:] * unit[:, :-1]).mean()
    assert abs(memory - np.exp(-24 / 72)) < 0.03


def test_near_stations_have_the_same_weather():
    latitude, longitude, found = weathers()
    unit = found / (2 + 3 * abs(np.sin(latitude)))[:, None]
    apart = 6371 * np.hypot(
        latitude[:, 0] - latitude[:, 1],
        (longitude[:, 0] - longitude[:, 1]) * np.cos(latitude[:, :2].mean(1)),
    )
    product = (unit[:, :, 0] * unit[:, :, 1]).mean(1)
    near, far = apart < 400, apart > 1200
    assert product[near].mean() - product[far].mean() > 0.3
    assert abs(product[near].mean() - np.exp(-apart[near] / 800).mean()) < 0.12


def test_it_is_colder_in_winter_at_night_up_high_and_to_the_north():
    def at(latitude=45.0, altitude=0.0, day=0.0):
        place = np.radians([[latitude]]), np.zeros((1, 1)), np.array([[altitude]])
        return climate(*place, np.array([[float(day)]])).item()

    assert at(day=15) < at(day=200) - 20
    assert at(-45, day=200) < at(-45, day=15) - 20
    assert at(day=100.15) < at(day=100.6) - 5
    assert at(altitude=1.0) == at() - 6.5
    assert at(60) < at(30) - 15


def test_a_text_has_its_place_its_time_and_a_row_for_each_time():
    parameters = {"stations": 3, "history": 4, "hours": 6}
    found = text_set("temperature").simulate(0, 50, parameters=parameters)
    for text, date in zip(found.texts, found.labels["date"], strict=True):
        said = ast.literal_eval(text)
        coords, start = said["description"]["coords"], said["description"]["start"]
        assert np.shape(coords) == (3, 3)
        np.testing.assert_allclose(np.square(coords)[:, 1:].sum(1), 1, atol=3e-4)
        day = np.arctan2(start[0], start[1]) / (2 * np.pi) * 365 % 365
        of_year = (np.datetime64(date) - np.datetime64("2001-01-01")).astype(int)
        assert abs((day - of_year + 180) % 365 - 180) < 0.05
        assert np.shape(said["data"]) == (5, 3)
    assert text_set("temperature").asked(parameters) == ["data.4.*"]
