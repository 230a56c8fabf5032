import { feature } from "topojson-client";
import type { GeometryCollection, Topology } from "topojson-specification";
import { defineConfig, type Plugin } from "vite";
import atlas from "world-atlas/land-110m.json" with { type: "json" };

/**
 * `virtual:land`: the coasts of the world as GeoJSON, Natural Earth 1:110m (public domain), to 0.01 degrees. No borders: which ones a map may show
 * differs by country.
 */
function land(): Plugin {
  const name = "virtual:land";
  return {
    name,
    resolveId: (id) => (id === name ? `\0${name}` : undefined),
    load(id) {
      if (id !== `\0${name}`) return undefined;
      const world = atlas as unknown as Topology<{ land: GeometryCollection }>;
      const round = (_: string, value: unknown) => (typeof value === "number" ? Math.round(value * 100) / 100 : value);
      return `export default ${JSON.stringify(feature(world, world.objects.land), round)};`;
    },
  };
}

// `base` and `outDir` are where api/console/pages.py looks. Nothing is inlined: the content policy allows files only.
export default defineConfig({
  base: "/console/",
  publicDir: false,
  plugins: [land()],
  build: { outDir: "../built", emptyOutDir: true, target: "es2022", assetsInlineLimit: 0, modulePreload: { polyfill: false }, chunkSizeWarningLimit: 1500 },
  server: { proxy: { "/api": "http://127.0.0.1:8080" } },
});
