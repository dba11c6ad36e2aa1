// Pictures: shown from the service, chosen, dropped or pasted by a person.

import { make } from "./elements.js";
import { key } from "./key.js";
import { call } from "./service.js";

const SEED_SIDE = 512;
const kept = new Map();

// An img of a picture of the service. With a key it is fetched, since an img cannot show one.
export function showPicture(image, url) {
  image.dataset.url = url;
  if (!key()) {
    image.src = url;
    return image;
  }
  if (!kept.has(url)) kept.set(url, call(url).then((response) => response.blob()).then((blob) => URL.createObjectURL(blob)));
  kept.get(url).then((source) => { if (image.dataset.url === url) image.src = source; })
    .catch(() => { kept.delete(url); image.dispatchEvent(new Event("error")); });
  return image;
}

const ENLARGED = 2.5;

// Gives a frame the shape of its picture, so that what lies over it fits; small pictures are enlarged a little.
export function shape(frame, width, height) {
  frame.style.setProperty("--ratio", String(width / height));
  frame.style.setProperty("--wide", String(width * ENLARGED));
}

export function thumbnail(url, size = 256) {
  const image = make("img", { alt: "", loading: "lazy", decoding: "async", width: size, height: size });
  image.addEventListener("error", () => image.replaceWith(make("span.gone", "The file is gone or has changed")));
  return showPicture(image, `${url}?size=${size}`);
}

export const dataUri = (blob) => new Promise((resolve, reject) => {
  const reader = new FileReader();
  reader.onload = () => resolve(reader.result);
  reader.onerror = () => reject(new Error("the file cannot be read"));
  reader.readAsDataURL(blob);
});

// A picture small enough to be kept in the window's history, large enough to be searched by.
export async function seedOf(file) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(file);
  } catch {
    return dataUri(file); // A format that the service may read, although this browser does not.
  }
  const scale = Math.min(1, SEED_SIDE / Math.max(bitmap.width, bitmap.height));
  const canvas = make("canvas", { width: Math.max(1, Math.round(bitmap.width * scale)), height: Math.max(1, Math.round(bitmap.height * scale)) });
  const context = canvas.getContext("2d");
  context.fillStyle = "#fff";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close();
  return canvas.toDataURL("image/jpeg", 0.9);
}

export const pictureOf = (transfer) => [...(transfer?.files ?? [])].find((file) => file.type.startsWith("image/") || /\.(heic|heif|avif|tiff?)$/i.test(file.name));
const carriesFile = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");

// Calls `take` with the file that is dropped on an element; `over` with whether one hovers.
export function takeDrops(element, take, over) {
  let depth = 0;
  const leave = () => { depth = 0; over(false); };
  element.addEventListener("dragenter", (event) => { if (carriesFile(event)) { depth += 1; over(true); } });
  element.addEventListener("dragleave", (event) => { if (carriesFile(event) && --depth <= 0) leave(); });
  element.addEventListener("dragover", (event) => { if (carriesFile(event)) event.preventDefault(); });
  element.addEventListener("drop", (event) => {
    if (!carriesFile(event)) return;
    event.preventDefault();
    leave();
    take(event.dataTransfer);
  });
}
