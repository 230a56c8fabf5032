/* The trucks as pictures, drawn here: an arrow with the heading, coloured by state. */

const COLOURS = { moving: "#6fb2f7", standing: "#ffffff", silent: "#E69F00", unknown: "#8b9bab" } as const;
export const TRUCK_COLOURS: Readonly<Record<string, string>> = COLOURS;
const SIZE = 40;

export function truckImages(): [name: string, image: ImageData][] {
  return Object.entries(COLOURS).map(([state, colour]) => [`truck-${state}`, arrow(colour)]);
}

function arrow(colour: string): ImageData {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = SIZE;
  const context = canvas.getContext("2d") as CanvasRenderingContext2D;
  context.translate(SIZE / 2, SIZE / 2);
  context.beginPath();
  for (const [x, y] of [[0, -15], [11, 13], [0, 7], [-11, 13]] as const) context.lineTo(x, y);
  context.closePath();
  context.fillStyle = colour;
  context.strokeStyle = "#101a27";
  context.lineWidth = 2.5;
  context.fill();
  context.stroke();
  return context.getImageData(0, 0, SIZE, SIZE);
}
