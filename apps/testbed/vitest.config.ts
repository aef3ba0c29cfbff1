import { defineConfig } from 'vitest/config'

export default defineConfig({
  ssr: { resolve: { conditions: ['@x/source', 'module', 'node', 'import'] } },
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 20_000,
    // A file that had a process to itself would load everything anew; none of them leaves anything behind.
    isolate: false,
  },
})
