"""OpenCV's FFmpeg backend: prints a line a picture, and what pictures look like if a file of them is there too."""
import hashlib
import os
import sys

url, transport, count, file = sys.argv[1:]
os.environ["OPENCV_FFMPEG_CAPTURE_OPTIONS"] = "rtsp_transport;" + transport
# AV_LOG_WARNING
os.environ["OPENCV_FFMPEG_LOGLEVEL"] = "24"
import cv2


def look(word, picture):
    print(word, hashlib.md5(picture.tobytes()).hexdigest())


capture = cv2.VideoCapture(url, cv2.CAP_FFMPEG)
for _ in range(int(count)):
    there, picture = capture.read()
    if not there:
        sys.exit("no picture")
    print("picture", capture.get(cv2.CAP_PROP_POS_MSEC) / 1000)
    if file:
        look("look", picture)
capture = cv2.VideoCapture(file, cv2.CAP_FFMPEG) if file else None
while capture and (read := capture.read())[0]:
    look("file", read[1])
