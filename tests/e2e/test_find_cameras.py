"""`hil-app find-cameras` as a user runs it, on a video file, a folder of images and a stream."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from sample_cameras import HEIGHT, WIDTH, image, number_of, red_corner, streaming, write_video_file

from configs.load import Parser, load
from configs.robot import FollowerConfig

cv2 = pytest.importorskip("cv2", reason="OpenCV's libraries are missing", exc_type=ImportError)


def find_cameras(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "hil_app", "find-cameras", *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_each_camera_is_listed_with_an_image_and_the_options_to_use_it(tmp_path: Path) -> None:
    write_video_file(tmp_path / "film.avi", fps=25)
    (tmp_path / "folder").mkdir()
    cv2.imwrite(str(tmp_path / "folder/7.png"), image(7))
    with streaming(fps=30) as server:
        sources = ("film.avi", server.address, "folder")
        also = [f"--also={source}" for source in sources]
        done = find_cameras(*also, "--save=seen", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"{WIDTH}x{HEIGHT}" in done.stdout
    assert "MJPG" in done.stdout
    for path in (tmp_path / "seen").iterdir():
        assert red_corner(cv2.imread(str(path))[..., ::-1]) == "top left"
    assert number_of(cv2.imread(str(tmp_path / "seen/folder.png"))) == 7
    assert len(list((tmp_path / "seen").iterdir())) == 3
    words = [word for word in done.stdout.split() if word.startswith("--robot.cameras")]
    options = ["--robot.type=so101", "--processor.observation.object=null"]
    options += ["--env.paced=true", "--learner.mode=background", *words]
    config, _ = load(Parser(prog="test"), options, "sim_pick_lift")
    assert isinstance(config.robot, FollowerConfig)
    cameras = config.robot.cameras
    assert [camera.index_or_path for camera in cameras.values()] == list(sources)
    assert list(cameras) == ["front", "wrist", "camera3"]
    assert {(camera.width, camera.height) for camera in cameras.values()} == {(WIDTH, HEIGHT)}
    assert cameras["front"].fps == 25
    assert 15 <= cameras["wrist"].fps <= 33  # measured


def test_a_camera_that_gives_nothing_is_listed_with_its_reason(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    done = find_cameras("--also=http://127.0.0.1:9/front", "--also=empty", cwd=tmp_path)
    words = " ".join(done.stdout.replace("│", " ").split())
    assert done.returncode == 1
    assert "does not open" in words
    assert "no image" in words
    assert "--robot.cameras" not in done.stdout
    assert not (tmp_path / "cameras").exists()


def test_a_stream_that_changes_its_size_is_listed_with_both(tmp_path: Path) -> None:
    with streaming(fps=30) as server:
        ended = threading.Event()

        def turn() -> None:
            while not ended.wait(0.2):
                server.size = server.size[::-1]

        thread = threading.Thread(target=turn)
        thread.start()
        done = find_cameras(f"--also={server.address}", cwd=tmp_path)
        ended.set()
        thread.join()
    words = done.stdout.replace("│", " ").split()
    assert (done.returncode, done.stderr) == (1, "")
    assert {"changes", "size", f"{WIDTH}x{HEIGHT}", f"{HEIGHT}x{WIDTH}"} <= set(words)
    assert "--robot.cameras" not in done.stdout


def test_images_of_long_and_of_like_addresses_have_names_of_their_own(tmp_path: Path) -> None:
    with streaming(fps=30) as server:
        sources = [f"{server.address}?a={'x' * 300}", f"{server.address}?a", f"{server.address}!a"]
        done = find_cameras(*[f"--also={source}" for source in sources], cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    names = [path.name for path in (tmp_path / "cameras").iterdir()]
    assert len(names) == 3
    assert max(map(len, names)) < 70


@pytest.mark.skipif(Path("/sys/class/video4linux").exists(), reason="a camera may be here")
def test_no_camera_is_one_clear_line(tmp_path: Path) -> None:
    done = find_cameras(cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("hil-app: no camera found: check its USB plug")
    assert "usermod -aG video" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_folder_that_cannot_be_written_is_one_clear_line(tmp_path: Path) -> None:
    write_video_file(tmp_path / "film.avi")
    (tmp_path / "file").write_text("")
    done = find_cameras("--also=film.avi", "--save=file", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("hil-app: --save: cannot write file/film.avi.png")
    assert done.stderr.count("\n") == 1


def test_help_says_what_can_be_looked_at(tmp_path: Path) -> None:
    assert "--also URL|FILE" in find_cameras("--help", cwd=tmp_path).stdout


def test_what_no_run_could_use_is_not_offered(tmp_path: Path) -> None:
    images = {"small": np.zeros((8, 8, 3), np.uint8), "depth": np.zeros((48, 64), np.uint16)}
    for name, content in images.items():
        (tmp_path / name).mkdir()
        cv2.imwrite(str(tmp_path / name / "1.png"), content)
    write_video_file(tmp_path / "fast.avi", fps=1000)
    done = find_cameras(*(f"--also={it}" for it in ("small", "depth", "fast.avi")), cwd=tmp_path)
    assert done.returncode == 0
    words = " ".join(done.stdout.replace("│", " ").split())
    assert "gives 8x8 images; those of 16x16 to 4096x4096 can be used" in words
    assert "such as depths, no colours" in words
    offered = [line.split() for line in done.stdout.splitlines() if "--robot.cameras" in line]
    assert [options[0].partition("=")[2] for options in offered] == ["fast.avi"]
    assert offered[0][-1] == "--robot.cameras.front.fps=240"


def test_a_number_is_a_device_as_in_a_config(tmp_path: Path) -> None:
    done = find_cameras("--also=97", cwd=tmp_path)
    assert "there is no /dev/video97" in " ".join(done.stdout.replace("│", " ").split())
