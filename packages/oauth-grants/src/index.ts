export const placeholder: string = 'oauth-grants'
