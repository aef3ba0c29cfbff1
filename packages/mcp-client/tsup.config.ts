import { defineConfig } from 'tsup'

export default defineConfig({
  entry: ['src/index.ts'],
  format: ['esm'],
  target: 'es2022',
  platform: 'neutral',
  dts: { banner: '/// <reference lib="esnext.disposable" />' }, // who compiles for es2022 lacks AsyncDisposable
  sourcemap: true,
  clean: true,
  splitting: true, // entries share their chunks, or each would carry its own copy of every error class
  treeshake: false,
})
