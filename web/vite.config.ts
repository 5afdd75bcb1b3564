import { defineConfig } from 'vitest/config';

// `npm run dev` talks to a server started with `phosphene live`
const server = process.env.PHOSPHENE_URL ?? 'http://127.0.0.1:8000';

export default defineConfig({
  base: './', // works behind any path
  build: {
    outDir: '../src/phosphene/server/page',
    emptyOutDir: true,
    target: 'es2022',
    assetsInlineLimit: 0, // no data: addresses: the content security policy forbids them
    modulePreload: { polyfill: false },
    rolldownOptions: { input: ['index.html', 'view.html'] },
  },
  server: {
    proxy: {
      '/ws': { target: server, ws: true },
      '/api': server,
      '/stream.mjpg': server,
    },
  },
  test: { include: ['tests/**/*.test.ts'] },
});
