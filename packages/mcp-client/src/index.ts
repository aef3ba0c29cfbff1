export const placeholder: string = 'mcp-client'
