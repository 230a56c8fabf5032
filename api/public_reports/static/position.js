"use strict";
(() => {
  const button = document.getElementById("position");
  if (!button || !navigator.geolocation || !window.isSecureContext) return;
  const said = document.getElementById("position-said");
  const field = (name) => document.getElementById(name);
  button.hidden = false;
  button.addEventListener("click", () => {
    said.textContent = button.dataset.asking;
    navigator.geolocation.getCurrentPosition(({ coords }) => {
      field("lat").value = coords.latitude.toFixed(6);
      field("lon").value = coords.longitude.toFixed(6);
      field("accuracy").value = Math.round(coords.accuracy);
      said.textContent = button.dataset.taken.replace("{m}", Math.round(coords.accuracy));
    }, () => {
      said.textContent = button.dataset.refused;
    }, { enableHighAccuracy: true, timeout: 20000, maximumAge: 30000 });
  });
})();
