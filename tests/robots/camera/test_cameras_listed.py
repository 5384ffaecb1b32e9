"""The list of cameras that Linux keeps."""

from pathlib import Path

import pytest

from configs.camera import OpenCVCameraConfig
from robots.base import CameraError
from robots.camera import capture
from robots.camera.cameras import Cameras

pytest.importorskip("cv2", reason="OpenCV's libraries are missing", exc_type=ImportError)


@pytest.fixture
def devices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = {0: ("Webcam", 0), 1: ("Webcam", 1), 10: ("Wrist", 0), 2: ("Front", 0)}
    for number, (name, index) in names.items():
        (tmp_path / f"video{number}").mkdir()
        (tmp_path / f"video{number}/name").write_text(f"{name}\n")
        (tmp_path / f"video{number}/index").write_text(f"{index}\n")
    monkeypatch.setattr(capture, "SYSTEM", tmp_path)


@pytest.mark.usefixtures("devices")
def test_each_camera_is_listed_once_in_the_order_of_its_number() -> None:
    listed = {"/dev/video0": "Webcam", "/dev/video2": "Front", "/dev/video10": "Wrist"}
    assert list(capture.video_devices().items()) == list(listed.items())


@pytest.mark.usefixtures("devices")
def test_a_name_that_would_change_the_terminal_is_shown_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "video2/name").write_bytes(b"Fr\xf6nt \x1b[31m\n")
    assert capture.video_devices()["/dev/video2"] == "Fr\ufffdnt \\x1b[31m"


@pytest.mark.usefixtures("devices")
@pytest.mark.parametrize("source", [98, "/dev/video98"])
@pytest.mark.skipif("sys.platform != 'linux'")
def test_a_number_without_a_camera_says_which_there_are(source: int | str) -> None:
    cameras = Cameras({"front": OpenCVCameraConfig(index_or_path=source)}, print)
    with pytest.raises(CameraError, match=r"there is no /dev/video98; devices: .*10 \(Wrist\)"):
        cameras.__enter__()
