"""Small tables of weather stations: days as fivethirtyeight has them, hours likewise."""

from datetime import date, datetime, timedelta

COLUMNS = "actual_mean_temp,actual_min_temp,actual_max_temp,average_min_temp,average_max_temp"


def write(folder, names=("KAAA", "KJJJ"), days=40):
    folder.mkdir(parents=True)
    for number, name in enumerate(names):
        rows = [f"date,{COLUMNS}"]
        for day in range(days):
            when, low = date(2014, 7, 1) + timedelta(day), 50 + (7 * day + 5 * number) % 9
            temperatures = f"{low + 8},{low},{low + 16},{52 + number},{70 + number}"
            rows.append(f"{when.year}-{when.month}-{when.day},{temperatures}")
        (folder / f"{name}.csv").write_text("\n".join(rows) + "\n")


def write_hours(folder, names=("EWR", "JFK"), hours=240):
    folder.mkdir(parents=True)
    for number, name in enumerate(names):
        rows = ["date,temp,dewp,pressure"]
        for hour in range(hours):
            warm = 30 + (7 * hour + 5 * number) % 9
            when = datetime(2013, 1, 1) + timedelta(hours=hour)
            rows.append(f"{when.isoformat()}Z,{warm},{warm - 8},{1010 + hour % 7}")
        (folder / f"{name}.csv").write_text("\n".join(rows) + "\n")
