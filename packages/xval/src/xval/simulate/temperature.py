r"""Synthetic air temperature at nearby stations, as the paper's texts (Golkar et al. 2023, 3.2).

The paper uses ERA5. This model takes its place, in degrees Celsius:
$$T = 28 - 45 \sin^2 \phi - 6.5 z + 18 \sin \phi \cos(2\pi (d - 200)/365)
+ 5 \cos(2\pi (h - 15)/24) + w$$
with latitude $\phi$, altitude $z$ in km, day $d$ of the year, local hour $h$ and weather $w$. It is
Gaussian, correlated over stations as $e^{-\Delta/800 km}$ and in time as $e^{-\Delta/3 days}$.
"""

import numpy as np
from jaxtyping import Float64, Int64
from scipy.special import ndtri

from sciformer.arguments import ArgumentError, check_least, check_positive
from xval.simulate.random import between, integers, uniforms
from xval.simulate.text import Texts

PLAIN = 5  # columns of random numbers before those of the stations
EARTH_KM = 6371.0
ALTITUDE_KM = 0.4  # mean altitude of the stations
CORRELATION_KM, MEMORY_H = 800.0, 72.0


def temperature(
    seed: int,
    samples: Int64[np.ndarray, " samples"],
    stations: int = 8,
    history: int = 8,
    hours: float = 6.0,
    spread: float = 10.0,
) -> Texts:
    """Random places and times: temperatures of their stations, written as text.

    Args:
        seed: Seed of the data set; at least 0.
        samples: Indices of the samples.
        stations: Number of stations in a text.
        history: Number of times before the one to predict, which is the last row.
        hours: Hours between times.
        spread: Largest distance of a station from the center, in degrees of latitude and longitude.

    Returns:
        ``{'description':{'coords':[[sin lat,sin lon,cos lon],...],'start':[sin day,cos day,sin
        hour,cos hour]},'data':[[T,...],...]}`` with temperatures in degrees Celsius and the hour in
        UTC; labels ``id`` and ``date``, a day of the year 2001.

    Raises:
        ValueError: If a parameter is out of range.
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
    """Latitude and longitude (radians) and altitude (km) of nearby stations.

    Args:
        uniform: Random numbers in [0, 1); the first two and those from the sixth on are used.
        stations: Number of stations.
        spread: Largest distance from the center, in degrees.

    Returns:
        Latitude, longitude, altitude. Centers are uniform on the sphere between 60 degrees S and N.
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
    """Climatological temperature, in degrees Celsius.

    Args:
        latitude: Latitude in radians.
        longitude: Longitude in radians.
        altitude: Altitude in km.
        day: Days since the start of the year, UTC.

    Returns:
        Temperature in degrees Celsius.
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
    """Weather: deviations from climatology, AR(1) in time, 2 to 5 K, larger toward the poles.

    Args:
        latitude: Latitude in radians.
        longitude: Longitude in radians.
        normal: Independent standard normal numbers.
        hours: Hours between times.

    Returns:
        Deviations in kelvin.
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
    likeness += 1e-9 * np.eye(
        latitude.shape[1]
    )  # keeps the matrix positive definite for two stations at one place
    shock = np.einsum("sij, stj -> sti", np.linalg.cholesky(likeness), normal)
    memory = np.exp(-hours / MEMORY_H)
    out = shock.copy()
    for time in range(1, out.shape[1]):
        out[:, time] = memory * out[:, time - 1] + np.sqrt(1 - memory**2) * shock[:, time]
    return out * (2 + 3 * np.abs(np.sin(latitude)))[:, None]
