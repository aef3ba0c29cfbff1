import { defineConfig } from 'vitest/config'

export default defineConfig({
  ssr: { resolve: { conditions: ['@x/source', 'module', 'node', 'import'] } },
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 30_000,
    // Files share workers: loading the packages takes longer than most attacks.
    isolate: false,
  },
})
