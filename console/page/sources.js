/** Where pictures come from, beside the drawing: dropped, pasted, chosen, or taken with the camera. */

import { byId } from "./dom.js";

/** Call `onPictures` with the files that people drop, paste or choose anywhere on the page. */
export function listen(onPictures) {
  const give = (files) => files.length && onPictures([...files]);
  const input = byId("files");
  input.addEventListener("change", () => {
    give(input.files);
    input.value = ""; // so that the same file can be chosen again
  });
  document.addEventListener("paste", (event) => give(event.clipboardData.files));
  let inside = 0; // dragenter and dragleave come for every element on the way
  const mark = () => document.body.classList.toggle("dropping", inside > 0);
  document.addEventListener("dragover", (event) => event.preventDefault());
  document.addEventListener("dragenter", (event) => {
    if (!event.dataTransfer.types.includes("Files")) return;
    inside++;
    mark();
  });
  document.addEventListener("dragleave", () => {
    inside = Math.max(0, inside - 1);
    mark();
  });
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    inside = 0;
    mark();
    give(event.dataTransfer.files);
  });
}

/** Let the button open the camera in a dialog, and call `onPicture` with what is taken. */
export function listenToCamera(onPicture) {
  const dialog = byId("camera");
  const video = byId("video");
  const told = byId("camera-told");
  byId("open-camera").addEventListener("click", async () => {
    told.textContent = "";
    byId("shoot").disabled = true;
    dialog.showModal();
    try {
      const stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
      if (!dialog.open) return stop(stream);
      video.srcObject = stream;
      await video.play();
      byId("shoot").disabled = false;
    } catch {
      told.textContent = "There is no camera here, or the browser may not use it.";
    }
  });
  byId("close-camera").addEventListener("click", () => dialog.close());
  byId("shoot").addEventListener("click", async () => {
    const still = Object.assign(document.createElement("canvas"), { width: video.videoWidth, height: video.videoHeight });
    still.getContext("2d").drawImage(video, 0, 0);
    const blob = await new Promise((resolve) => still.toBlob(resolve, "image/jpeg", 0.92));
    dialog.close();
    onPicture(new File([blob], "camera.jpg", { type: "image/jpeg" }));
  });
  dialog.addEventListener("close", () => {
    stop(video.srcObject);
    video.srcObject = null;
  });
}

function stop(stream) {
  for (const track of stream?.getTracks() ?? []) track.stop();
}
