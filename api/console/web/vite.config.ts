import { defineConfig } from "vite";

// `base` and `outDir` are where api/console/pages.py looks. Nothing is inlined: the content policy allows files only.
export default defineConfig({
  base: "/console/",
  publicDir: false,
  build: { outDir: "../built", emptyOutDir: true, target: "es2022", assetsInlineLimit: 0, modulePreload: { polyfill: false }, chunkSizeWarningLimit: 1500 },
  server: { proxy: { "/api": "http://127.0.0.1:8080" } },
});
