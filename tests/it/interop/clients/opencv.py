"""OpenCV's FFmpeg backend: prints a line a picture."""
import os
import sys

url, transport, count = sys.argv[1:]
os.environ["OPENCV_FFMPEG_CAPTURE_OPTIONS"] = "rtsp_transport;" + transport
# AV_LOG_WARNING
os.environ["OPENCV_FFMPEG_LOGLEVEL"] = "24"
import cv2

capture = cv2.VideoCapture(url, cv2.CAP_FFMPEG)
for _ in range(int(count)):
    if not capture.read()[0]:
        sys.exit("no picture")
    print("picture", capture.get(cv2.CAP_PROP_POS_MSEC) / 1000)
