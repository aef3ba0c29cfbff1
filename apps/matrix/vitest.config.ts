import { defineConfig } from 'vitest/config'

export default defineConfig({
  ssr: { resolve: { conditions: ['@x/source', 'module', 'node', 'import'] } },
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 20_000,
    isolate: false,
  },
})
