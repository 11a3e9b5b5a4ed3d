"""The no-op task of the bench, for a Celery worker and for who sends to it."""

import os
import sys

from celery import Celery

url = os.environ["BENCH_REDIS"]
app = Celery("bench", broker=url, backend=url)
app.conf.worker_hijack_root_logger = False


@app.task(name="echo")
def echo(x):
    return x


if __name__ == "__main__":
    for number in range(int(sys.argv[1])):
        echo.delay(number)
