import { defineConfig } from 'tsup'

export default defineConfig({
  entry: [
    'src/index.ts',
    'src/http.ts',
    'src/cache.ts',
    'src/node.ts',
    'src/addresses.ts',
    'src/addresses-browser.ts',
  ],
  external: ['#addresses', /^node:/], // the first is chosen where it is installed, by the conditions of that place
  format: ['esm'],
  target: 'es2022',
  platform: 'neutral',
  dts: {
    entry: ['src/index.ts', 'src/http.ts', 'src/cache.ts', 'src/node.ts'],
    banner: '/// <reference lib="esnext.disposable" />', // who compiles for es2022 lacks AsyncDisposable
  },
  sourcemap: true,
  clean: true,
  splitting: true, // entries share their chunks, or each would carry its own copy of every error class
  treeshake: false,
  removeNodeProtocol: false, // Deno wants `node:`
})
