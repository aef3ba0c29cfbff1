import { defineConfig } from 'vitest/config'

export default defineConfig({
  ssr: { resolve: { conditions: ['@x/source', 'module', 'node', 'import'] } },
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 120_000,
    // Most of them wait for most of the time.
    maxWorkers: 3,
  },
})
