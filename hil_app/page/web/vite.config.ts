import { defineConfig } from "vite";

// The page's own process serves what is built; all of it comes from there, under a strict CSP.
export default defineConfig({
  base: "./",
  build: {
    outDir: "../static",
    emptyOutDir: true,
    target: "es2022",
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 1200,
    rolldownOptions: {
      input: ["index.html", "home.html"], // of a run, and without one
      checks: { pluginTimings: false },
    },
  },
});
