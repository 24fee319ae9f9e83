r"""Air temperature at stations near each other, as the paper's texts (Golkar et al. 2023, 3.2).

The paper reads ERA5. This is a stand-in of the same shape, in degrees Celsius:
$$T = 28 - 45 \sin^2 \phi - 6.5 z + 18 \sin \phi \cos(2\pi (d - 200)/365)
+ 5 \cos(2\pi (h - 15)/24) + w$$
with latitude $\phi$, altitude $z$ in km, day $d$ of the year, local hour $h$ and weather $w$. It is
normal, and correlated over stations as $e^{-\Delta/800 km}$ and in time as $e^{-\Delta/3 days}$.
"""

import numpy as np
from jaxtyping import Float64, Int64
from scipy.special import ndtri

from sciformer.arguments import ArgumentError, check_least, check_positive
from xval.simulate.random import between, integers, uniforms
from xval.simulate.text import Texts

PLAIN = 5  # columns of draws before those of the stations
EARTH_KM = 6371.0
ALTITUDE_KM = 0.4  # on average
CORRELATION_KM, MEMORY_H = 800.0, 72.0


def temperature(
    seed: int,
    samples: Int64[np.ndarray, " samples"],
    stations: int = 8,
    history: int = 8,
    hours: float = 6.0,
    spread: float = 10.0,
) -> Texts:
    """Draw a place, a time and its weather, and write down what its stations measure.

    Args:
        seed: Of the data set.
        samples: Numbers of the samples.
        stations: In a text.
        history: Times before the one that is to be predicted, the last row of the data.
        hours: Between them.
        spread: Largest distance of a station from the middle, in degrees of latitude and longitude.

    Returns:
        ``{'description':{'coords':[[sin lat,sin lon,cos lon],...],'start':[sin day,cos day,sin
        hour,cos hour]},'data':[[T,...],...]}`` with temperatures in degrees Celsius and the hour in
        UTC; labels ``id`` and ``date``, a day of the year 2001.

    Raises:
        ValueError: For a number out of its range.
    """
    check_least(stations=(stations, 1), history=(history, 1))
    check_positive(hours=hours)
    if not 0 < spread <= 25:
        raise ArgumentError("spread", f"{spread} is not above 0 and at most 25")
    times = history + 1
    uniform = uniforms(seed, "temperature", samples, PLAIN + stations * (3 + times))
    latitude, longitude, altitude = places(uniform, stations, spread)
    day = integers(uniform[:, 2], 0, 364)
    hour = integers(uniform[:, 3], 0, 23)
    clock = hour[:, None] + hours * np.arange(times)
    normal = ndtri(uniform[:, PLAIN + 3 * stations :].clip(2.0**-54)).reshape(-1, times, stations)
    found = climate(latitude, longitude, altitude, day[:, None] + clock / 24)
    found += weather(latitude, longitude, normal, hours)
    turn = 2 * np.pi * np.stack([day / 365, hour / 24], 1)
    start = np.stack([np.sin(turn), np.cos(turn)], -1).reshape(-1, 4)
    coords = np.stack([np.sin(latitude), np.sin(longitude), np.cos(longitude)], -1)
    place = ",".join(["[%.4f,%.4f,%.4f]"] * stations)
    row = "[" + ",".join(["%.2f"] * stations) + "]"
    template = f"{{'description':{{'coords':[{place}],'start':[%.4f,%.4f,%.4f,%.4f]}},'data':["
    template += ",".join([row] * times) + "]}"
    parts = [part.reshape(len(samples), -1) for part in (coords, start, found)]
    texts = [template % tuple(row) for row in (np.concatenate(parts, 1) + 0.0).tolist()]
    dates = (np.datetime64("2001-01-01") + day).astype(str).tolist()
    ids = [f"temperature/{seed}/{n}" for n in samples.tolist()]
    return Texts(texts, {"id": ids, "date": dates})


def places(
    uniform: Float64[np.ndarray, "samples columns"], stations: int, spread: float
) -> tuple[Float64[np.ndarray, "samples stations"], ...]:
    """Latitude and longitude, in radians, and altitude, in km, of stations near each other.

    Args:
        uniform: Numbers of [0, 1); the first two and those from the sixth on are used.
        stations: In a sample.
        spread: Largest distance from the middle, in degrees.

    Returns:
        The three. The middle is uniform on the sphere between 60 degrees south and north.
    """
    edge = np.sin(np.radians(60))
    middle = np.stack(
        [np.arcsin(between(uniform[:, 0], -edge, edge)), between(uniform[:, 1], -np.pi, np.pi)], 1
    )
    drawn = uniform[:, PLAIN : PLAIN + 3 * stations].reshape(-1, stations, 3)
    offset = np.radians(between(drawn[..., :2], -spread, spread))
    latitude, longitude = np.moveaxis(middle[:, None] + offset, -1, 0)
    return latitude, longitude, -ALTITUDE_KM * np.log1p(-drawn[..., 2])


def climate(
    latitude: Float64[np.ndarray, "samples stations"],
    longitude: Float64[np.ndarray, "samples stations"],
    altitude: Float64[np.ndarray, "samples stations"],
    day: Float64[np.ndarray, "samples times"],
) -> Float64[np.ndarray, "samples times stations"]:
    """The temperature without weather.

    Args:
        latitude: In radians.
        longitude: In radians.
        altitude: In km.
        day: Since the start of the year, in UTC.

    Returns:
        In degrees Celsius.
    """
    sine = np.sin(latitude)[:, None]
    local = 2 * np.pi * (day[:, :, None] - 15 / 24) + longitude[:, None]
    season = np.cos(2 * np.pi * (day[:, :, None] - 200) / 365)
    return 28 - 45 * sine**2 - 6.5 * altitude[:, None] + 18 * sine * season + 5 * np.cos(local)


def weather(
    latitude: Float64[np.ndarray, "samples stations"],
    longitude: Float64[np.ndarray, "samples stations"],
    normal: Float64[np.ndarray, "samples times stations"],
    hours: float,
) -> Float64[np.ndarray, "samples times stations"]:
    """Deviations from the climate: first order autoregressive, 2 to 5 degrees, more to the poles.

    Args:
        latitude: In radians.
        longitude: In radians.
        normal: Independent standard normal numbers.
        hours: Between times.

    Returns:
        In kelvin.
    """
    unit = np.stack(
        [
            np.cos(latitude) * np.cos(longitude),
            np.cos(latitude) * np.sin(longitude),
            np.sin(latitude),
        ]
    )  # (xyz, samples, stations)
    cosine = np.einsum("xsi, xsj -> sij", unit, unit).clip(-1, 1)
    likeness = np.exp(-EARTH_KM * np.arccos(cosine) / CORRELATION_KM)
    likeness += 1e-9 * np.eye(latitude.shape[1])  # two stations at one place
    shock = np.einsum("sij, stj -> sti", np.linalg.cholesky(likeness), normal)
    memory = np.exp(-hours / MEMORY_H)
    out = shock.copy()
    for time in range(1, out.shape[1]):
        out[:, time] = memory * out[:, time - 1] + np.sqrt(1 - memory**2) * shock[:, time]
    return out * (2 + 3 * np.abs(np.sin(latitude)))[:, None]
