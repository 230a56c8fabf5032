"use strict";
(() => {
  const button = document.getElementById("position");
  if (!button || !navigator.geolocation || !window.isSecureContext) return;
  const status = document.getElementById("position-status");
  const field = (name) => document.getElementById(name);
  button.hidden = false;
  button.addEventListener("click", () => {
    status.textContent = button.dataset.asking;
    navigator.geolocation.getCurrentPosition(({ coords }) => {
      field("lat").value = coords.latitude.toFixed(6);
      field("lon").value = coords.longitude.toFixed(6);
      field("accuracy").value = Math.round(coords.accuracy);
      status.textContent = button.dataset.taken.replace("{m}", Math.round(coords.accuracy));
    }, () => {
      status.textContent = button.dataset.refused;
    }, { enableHighAccuracy: true, timeout: 20000, maximumAge: 30000 });
  });
})();
(() => {
  const place = document.getElementById("photos");
  if (!place || !window.createImageBitmap || !window.fetch) return;
  const input = place.querySelector("input");
  const status = place.querySelector("[role=status]");
  const longest = 1600;
  let sent = 0;
  place.hidden = false;
  // Drawn anew, a photo is small and holds neither the place nor the phone that took it.
  const smaller = async (file) => {
    const picture = await createImageBitmap(file);
    const scale = Math.min(1, longest / Math.max(picture.width, picture.height));
    const canvas = document.createElement("canvas");
    canvas.width = Math.max(1, Math.round(picture.width * scale));
    canvas.height = Math.max(1, Math.round(picture.height * scale));
    canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
    return new Promise((resolve, reject) => {
      canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("no picture"))), "image/jpeg", 0.8);
    });
  };
  input.addEventListener("change", async () => {
    for (const file of input.files) {
      status.textContent = place.dataset.sending;
      try {
        const headers = {
          "Content-Type": "image/jpeg",
          "X-Report-Number": document.getElementById("number").textContent,
          "X-Report-Code": document.getElementById("code").textContent,
        };
        const answer = await fetch("/report/photo", { method: "POST", headers, body: await smaller(file) });
        if (!answer.ok) throw new Error(String(answer.status));
        sent = (await answer.json()).photos;
        status.textContent = place.dataset.sent.replace("{n}", sent);
      } catch {
        status.textContent = place.dataset.failed;
      }
      if (sent >= Number(place.dataset.most)) input.disabled = true;
    }
    input.value = "";
  });
})();
