import { defineConfig } from 'vitest/config'

/** Puts another module in the place of one of Node's, which nobody else should meet. */
const alone = ['test/egress-fetch.test.ts']

export default defineConfig({
  ssr: { resolve: { conditions: ['@x/source', 'module', 'node', 'import'] } },
  test: {
    testTimeout: 20_000,
    projects: [
      { extends: true, test: { name: 'alone', include: alone } },
      // A file that had a process to itself would load everything anew; none of them leaves anything behind.
      {
        extends: true,
        test: { name: 'all', include: ['test/**/*.test.ts'], exclude: alone, isolate: false },
      },
    ],
  },
})
