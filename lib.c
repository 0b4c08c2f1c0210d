__thread int own[100]; int *mine(void) { return own; }
