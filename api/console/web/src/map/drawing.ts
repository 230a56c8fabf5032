/* How finely the map is drawn. Where no graphics card draws, every pixel costs the processor: while a person moves the map it has fewer. */
import type { Map as MapLibreMap } from "maplibre-gl";

/** More than two pixels to one of the page nobody sees on a map. */
const FINEST = 2;
/** Of the pixels in each direction, while a person moves the map: a quarter of the work. */
const COARSE = 0.5;
const SOFTWARE = /swiftshader|llvmpipe|softpipe|basic render|software/i;

export const finest = (): number => Math.min(devicePixelRatio, FINEST);

/** Whether the processor draws: a virtual desk, or a browser that does not trust its graphics driver. */
function isSoftware(map: MapLibreMap): boolean {
  const context = map.getCanvas().getContext("webgl2");
  const named = context?.getExtension("WEBGL_debug_renderer_info");
  return !!context && !!named && SOFTWARE.test(String(context.getParameter(named.UNMASKED_RENDERER_WEBGL)));
}

/** Begin with a press or a turn of the wheel, end when the map is at rest; returns what ends it. */
export function drawCoarselyWhileMoved(map: MapLibreMap): () => void {
  if (!isSoftware(map)) return () => undefined;
  let isPressed = false;
  const set = (share: number) => map.getPixelRatio() !== finest() * share && map.setPixelRatio(finest() * share);
  const coarse = () => set(COARSE);
  const press = () => {
    isPressed = true;
    coarse();
  };
  const rest = () => !isPressed && !map.isMoving() && set(1);
  const release = () => {
    isPressed = false;
    map.triggerRepaint(); // so that it comes to rest, also where it was not moved
  };
  // Within these events of the map a change of its size does not end the gesture.
  map.on("mousedown", press);
  map.on("touchstart", press);
  map.on("wheel", coarse);
  map.on("idle", rest);
  const ends = ["mouseup", "touchend", "touchcancel", "blur"] as const;
  for (const name of ends) addEventListener(name, release);
  return () => ends.forEach((name) => removeEventListener(name, release));
}
